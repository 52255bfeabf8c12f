"""How the words, numbers and dates of passages and answers are read and looked up."""
