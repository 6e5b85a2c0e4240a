"""What happened, made visible: events become JSON log lines here and nowhere else."""
