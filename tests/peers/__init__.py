"""What the testers in Python share: SIP and RTP as bytes, the API's client, processes that end. No tests."""
