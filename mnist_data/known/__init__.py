"""Known datasets: the catalogue, where to fetch them, and how their pixels are recognised."""
