"""Where does the model err?"""
