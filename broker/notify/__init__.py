"""What people receive outside the pages: mails, text messages, letters.

Owns: SMTP, the shape of a call to an SMS gateway, GSM-7, the PDF of letters, the words of all three. Must not know: who
is to be told and when (`jobs`), a table, a page, how an address is called (it is given a `post`).
"""
