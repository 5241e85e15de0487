"""What tests are built from: inputs, made on the spot."""
