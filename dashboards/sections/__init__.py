"""What stands in each section of the page: functions from the tables to blocks."""
