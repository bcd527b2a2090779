"""`qsweep export`: a policy as a folder, or a repository, for Hugging Face's hub."""
