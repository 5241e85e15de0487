"""What shgae's speed is measured against."""
