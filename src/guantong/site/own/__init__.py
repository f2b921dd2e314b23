"""谁看过我的数据: what citizens see of the uses of their own data, and take along."""
