"""What each section of the page shows: functions from the tables to blocks."""
