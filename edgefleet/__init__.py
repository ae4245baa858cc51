"""Runs trained models on edge devices and in browsers, and keeps them healthy from the cloud."""
