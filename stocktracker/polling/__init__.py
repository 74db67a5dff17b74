"""What is asked of upstream and when: wants, budget, planner, and the one thread that polls."""
