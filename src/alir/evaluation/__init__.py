"""How well passages are found and questions answered, measured on judged questions."""
