"""How well passages are found, measured on questions with judged answers: `alir eval`."""
