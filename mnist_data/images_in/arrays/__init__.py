"""Arrays of images and labels: .npz, .npy, HDF5 and MATLAB."""
