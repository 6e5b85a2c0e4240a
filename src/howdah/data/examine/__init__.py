"""What `explain` and the permission tester say of a request: pure, and made of the same plan that answers it."""
