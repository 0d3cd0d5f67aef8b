"""G-SchNet written down as the papers describe it: one graph per step, one filter per directed edge, the full grid.

The measure that this package is held against, and an independent check of it: unconditional, from nothing, float32.

Source:
    Schütt et al., J. Chem. Phys. 148, 241722 (2018); Gebauer et al., NeurIPS 2019, arXiv:1906.00957;
    Gebauer et al., Nat. Commun. 13, 973 (2022).
"""
