"""The functions of `import pixelwise` for notebooks and scripts: runs, training, evaluation."""
