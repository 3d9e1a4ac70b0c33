"""The machine: allocator, device, precision, several processes."""
