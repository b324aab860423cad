"""The fourth box: the same requests to every cell, open loop, in turns."""
