"""This project beside what people use instead: a table, a picture and the raw numbers of each comparison."""
