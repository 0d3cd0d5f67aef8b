"""Speed and memory of this package beside a plain edge-list formulation of the same model: ``make bench``."""
