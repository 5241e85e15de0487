"""Photos -> tensors: reading COCO, cutting crops, target maps, batches; and drawn people where there are no photos."""
