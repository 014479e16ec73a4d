"""chatsdk"""
