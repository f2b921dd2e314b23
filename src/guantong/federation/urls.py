"""Addresses between nodes."""

from django.urls import path

from guantong.federation import feed_views, views

urlpatterns = [
    path("federation/card", views.card, name="node-card"),
    path("federation/announce", views.announce, name="node-announce"),
    path("federation/messages", views.receive, name="node-messages"),
    path("federation/feed", views.feed, name="node-feed"),
    path("oversee/feeds/", feed_views.feeds, name="feeds"),
    path("oversee/feeds/<str:code>/", feed_views.one_feed, name="feed"),
    path("oversee/feeds/<str:code>/undo", feed_views.undo, name="feed-undo"),
    path("oversee/feeds/<str:code>/<str:verb>", feed_views.act_on_feed, name="feed-act"),
]
