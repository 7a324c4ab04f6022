"""One file for each part of the page: what it asks for, and what the rooms below answer."""
