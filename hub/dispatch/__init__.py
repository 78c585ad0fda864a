"""Who is told, how and until when: roster, escalation, text, channels."""
