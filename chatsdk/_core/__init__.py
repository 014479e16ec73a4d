"""The common base of all services. Nothing here is part of the public interface."""
