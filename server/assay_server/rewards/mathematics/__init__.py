"""Reading and comparing mathematics as people write it, LaTeX or plain: small, exact, linear-time.

``scanning`` makes tokens, ``parsing`` a tree (``tree.Node``); ``normal_form`` decides equality exactly where it can,
``floating`` refutes, ``regions`` and ``structures`` compare what is not a scalar.
"""
