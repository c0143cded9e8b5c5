"""What an envelope is and what may happen to it. No web framework, no mail protocol."""
