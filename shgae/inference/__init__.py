"""Networks at work: device, batches (training uses their ``forward`` too), decoding, photos to joints."""
