"""What is to be done with a request: verdicts, policy, decision."""
