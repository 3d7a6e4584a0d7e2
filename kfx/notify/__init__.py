"""Notifications: whom to tell, when, how, and what became of it.

    from kfx.notify import Notification, announce

    announce(status, [Notification(kind="console", when=["completed", "error", "aborted"])])

`Notification` -> rule -> `Message` -> channel renders a request -> `deliver` sends it -> report. Importing this package
loads neither kfp nor any cloud SDK.
"""

from kfx.notify.announce import Announcement, announce
from kfx.notify.channel import About, Channel, kinds
from kfx.notify.config import load, read_all
from kfx.notify.deliver import Delivery, Policy
from kfx.notify.http import HttpRequest
from kfx.notify.message import Message
from kfx.notify.notification import Notification
from kfx.notify.request import Answer, Request, TextRequest
from kfx.notify.shorthand import one

__all__ = [
    "About",
    "Announcement",
    "Answer",
    "Channel",
    "Delivery",
    "HttpRequest",
    "Message",
    "Notification",
    "Policy",
    "Request",
    "TextRequest",
    "announce",
    "kinds",
    "load",
    "one",
    "read_all",
]
