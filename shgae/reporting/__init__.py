"""Reports as tables, sentences, figures and pages; computes nothing."""
