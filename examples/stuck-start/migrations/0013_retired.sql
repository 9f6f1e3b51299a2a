SELECT 'retired';
