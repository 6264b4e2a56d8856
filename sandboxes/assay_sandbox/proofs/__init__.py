"""Proofs in Lean 4: what is refused before it runs, the talk with a REPL, and the verdict."""
