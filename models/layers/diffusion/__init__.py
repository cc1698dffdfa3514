"""Denoising diffusion over interest vectors."""
