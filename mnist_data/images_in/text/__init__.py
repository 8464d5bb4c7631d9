"""Tables in text: CSV of any making, ARFF, LIBSVM and USPS, read from front to back."""
