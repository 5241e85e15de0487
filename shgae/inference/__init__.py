"""Networks at work: device, batches (training uses their ``forward`` too), decoding, extraction, photos to joints."""
