"""What people look at: a run's numbers as pictures, its groups as graphs, its rollouts as text; read, never written."""
