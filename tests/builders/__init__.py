"""What tests build their inputs with; nothing here is a test."""
