"""What policies earn: a simulator of days in seconds with truths that the policies cannot see."""
