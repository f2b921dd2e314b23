"""Addresses between nodes."""

from django.urls import path

from guantong.federation import views

urlpatterns = [
    path("federation/card", views.card, name="node-card"),
    path("federation/announce", views.announce, name="node-announce"),
    path("federation/messages", views.receive, name="node-messages"),
    path("federation/feed", views.feed, name="node-feed"),
]
