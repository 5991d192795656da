"""What one does with the network of `rnn_core`: instruments and experiments."""
