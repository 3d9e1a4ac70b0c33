"""What `import pixelwise` offers to notebooks and scripts on top of the packages below: runs, training, evaluation."""
