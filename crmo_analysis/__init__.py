"""Published numbers on chronic recurrent multifocal osteomyelitis, as claims that can be checked and rerun."""

__version__ = "0.1.0"
