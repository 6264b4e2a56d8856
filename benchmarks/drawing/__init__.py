"""Pictures of measurements as SVG, without a plotting library."""
