"""Templates: a scaffold and answers become files to write. The scaffolds are plain files a person can read."""
