"""The coordinator in a browser, for scripts and for monitors: pages, REST, pictures, metrics, health.

`server` listens, in the coordinator's own event loop; `app` puts the routes together, each group of which is a module;
`reception` lets requests in. All of them reach the coordinator through `coordinator.view.View` and nothing else.
"""
