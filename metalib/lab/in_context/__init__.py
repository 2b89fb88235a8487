"""Points of a line to drag, and how a transformer that reads them continues, beside three closed forms."""
