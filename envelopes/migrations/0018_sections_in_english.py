from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0017_authenticators')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Section',
            name='name_english',
            field=fields.CharField(db_default='', max_length=100),
        ),
        ops.AddField(
            model_name='Section',
            name='hours_english',
            field=fields.CharField(db_default='', max_length=100),
        ),
    ]
