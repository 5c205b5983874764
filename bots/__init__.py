"""The chat faces: one package per vendor, pictures, and the simulator. Never imported by core."""
