"""What every service stands on. Nothing here is part of the public interface."""
