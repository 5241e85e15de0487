"""Networks at work without learning: device, batches, photos to joints."""
